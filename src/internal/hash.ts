/** 32 bits of a text, the same on every machine: FNV-1a, finished so that similar texts fall apart. */
export const hash = (text: string): number => {
  let bits = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    bits = Math.imul(bits ^ text.charCodeAt(index), 0x01000193)
  }
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

/** A number from 0 to below 1, spread evenly over texts. */
export const share = (text: string): number => hash(text) / 2 ** 32
