/**
 * A helper as what compiled code imports: the slot of the call and the words of its arguments in, the low word of r0 out. One
 * form for each number of arguments, since V8 calls what takes exactly what it is given at once.
 */

type HelperImportFunction = (...args: number[]) => number;

/**
 * @param r the words of registers that helpers are given
 * @param finish runs the helper on them, from the slot of the call
 * @param args arguments that it gets, 0 to 5
 */
export function helperFunction(r: Int32Array, finish: (slot: number) => number, args: number): HelperImportFunction {
  switch (args) {
    case 0:
      return finish;
    case 1:
      return (slot, l1, h1) => {
        r[2] = l1;
        r[3] = h1;
        return finish(slot);
      };
    case 2:
      return (slot, l1, h1, l2, h2) => {
        r[2] = l1;
        r[3] = h1;
        r[4] = l2;
        r[5] = h2;
        return finish(slot);
      };
    case 3:
      return (slot, l1, h1, l2, h2, l3, h3) => {
        r[2] = l1;
        r[3] = h1;
        r[4] = l2;
        r[5] = h2;
        r[6] = l3;
        r[7] = h3;
        return finish(slot);
      };
    case 4:
      return (slot, l1, h1, l2, h2, l3, h3, l4, h4) => {
        r[2] = l1;
        r[3] = h1;
        r[4] = l2;
        r[5] = h2;
        r[6] = l3;
        r[7] = h3;
        r[8] = l4;
        r[9] = h4;
        return finish(slot);
      };
    default:
      return (slot, l1, h1, l2, h2, l3, h3, l4, h4, l5, h5) => {
        r[2] = l1;
        r[3] = h1;
        r[4] = l2;
        r[5] = h2;
        r[6] = l3;
        r[7] = h3;
        r[8] = l4;
        r[9] = h4;
        r[10] = l5;
        r[11] = h5;
        return finish(slot);
      };
  }
}
