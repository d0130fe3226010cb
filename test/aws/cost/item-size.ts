/**
 * The size of a DynamoDB item as it is charged for (Developer Guide, "DynamoDB item sizes and formats"), reckoned from the
 * JSON on the wire and from nothing of the adapters, so that the two can be compared.
 */
export type WireItem = Readonly<Record<string, WireValue>>;
export type WireValue = Readonly<Record<string, unknown>>;

export function itemBytes(item: WireItem): number {
  return Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueBytes(value), 0);
}

function valueBytes(value: WireValue): number {
  const [[type, content] = ["", null]] = Object.entries(value);
  switch (type) {
    case "S":
      return Buffer.byteLength(String(content));
    case "N":
      return numberBytes(String(content));
    case "B":
      return Buffer.from(String(content), "base64").length;
    case "BOOL":
    case "NULL":
      return 1;
    default:
      throw new Error(`no size is known for the type ${type}`);
  }
}

/** About one byte for two significant digits, and one. */
function numberBytes(text: string): number {
  const digits = text.replace(/[-.]/g, "").replace(/^0+|0+$/g, "");
  return Math.ceil(Math.max(1, digits.length) / 2) + 1 + (text.startsWith("-") ? 1 : 0);
}
