/** What a terminal shows two columns wide (Unicode TR 11), and what takes none: marks on the letter before, joiners. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;
const NONE = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Columns that a text takes in a terminal. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const letter of text) columns += NONE.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1;
  return columns;
}

/** The beginning of a text that fits into so many columns of one line. */
export function fitted(text: string, columns: number): string {
  let shown = "", left = columns;
  for (const letter of text.replaceAll(/\p{Cc}/gu, " ")) {
    left -= columnsOf(letter);
    if (left < 0) break;
    shown += letter;
  }
  return shown;
}

/** A text filled up with spaces to so many columns. */
export function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - columnsOf(text)));
}
