/** Where it is told what becomes of deployments. */
export interface RegistrationLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
