/**
 * A test that needs something of its place. Where that is missing it is reported as ignored, and its name says why.
 *
 * @param there Whether it is there
 * @param why What the name says where it is not, such as `no node on the PATH`
 * @param name The test's name
 * @param fn The test
 */
export function testIf(there: boolean, why: string, name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name: there ? name : `${name} (${why})`, ignore: !there, fn });
}
