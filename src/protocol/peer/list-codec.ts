/** Lists in frames: a varint count, then the items. */
import { type ByteReader, MalformedBytes } from "../../core/bytes/byte-reader.js";
import type { ByteWriter } from "../../core/bytes/byte-writer.js";

export function encodeList<Item>(
  writer: ByteWriter,
  items: readonly Item[],
  encode: (writer: ByteWriter, item: Item) => void,
): void {
  writer.varint(items.length);
  for (const item of items) encode(writer, item);
}

/** `itemBytesMin`: what the shortest item takes. A count of more items than the bytes left can hold is refused unread. */
export function decodeList<Item>(
  reader: ByteReader,
  itemBytesMin: number,
  decode: (reader: ByteReader) => Item,
): readonly Item[] {
  const count = reader.varint();
  if (count > reader.remaining / itemBytesMin) throw new MalformedBytes(`${count} items do not fit`);
  const items: Item[] = [];
  for (let left = count; left > 0; left--) items.push(decode(reader));
  return items;
}
