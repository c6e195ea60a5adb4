/**
 * The address of a server, without a slash at its end.
 *
 * @throws {TypeError} If it is none, or holds what only the environment may
 */
export function addressOf(task: string, option: string, text: string, secrets: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new TypeError(`Cannot ${task}: ${option} must be an address such as https://example.org, got "${text}"`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new TypeError(
      `Cannot ${task}: ${option} must not hold a user or password, set ${secrets} in the environment`,
    );
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(`Cannot ${task}: ${option} must begin with http: or https:, got "${url.protocol}"`);
  }
  return (url.origin + url.pathname).replace(/\/+$/, "");
}
