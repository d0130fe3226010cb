/** Where a function is: an HTTP URL, or the ARN of a Lambda function. Both are written as one text, `url`, everywhere. */
import { formatLambdaArn, LAMBDA_ARN_FORM, lambdaFunctionArn, parseLambdaArn } from "../../ports/lambda-arn.js";

/** The address as it is stored and compared; null: functions cannot be called there. */
export function endpointAddress(text: string): string | null {
  const arn = parseLambdaArn(text);
  if (arn !== null) return formatLambdaArn(arn);
  return isHttpUrl(text) ? text : null;
}

/** What an address is, for messages. */
export function endpointForm(text: string): string {
  if (text.startsWith("arn:")) return `'${text.slice(0, 200)}' is not ${LAMBDA_ARN_FORM}`;
  return "an http: or https: URL without credentials is expected, or the ARN of a Lambda function";
}

/** Credentials in a URL would end up in logs. */
export function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (url.protocol === "http:" || url.protocol === "https:") && url.username === "" && url.password === "";
}

/** What settings stand for: the same URL, or any version or alias of the same Lambda function. */
export function isSameEndpoint(left: string, right: string): boolean {
  if (left === right) return true;
  const [leftArn, rightArn] = [parseLambdaArn(left), parseLambdaArn(right)];
  return leftArn !== null && rightArn !== null && lambdaFunctionArn(leftArn) === lambdaFunctionArn(rightArn);
}
