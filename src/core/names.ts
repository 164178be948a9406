/** Names that are in use: a second one that is to be called `a` is `a 2`, and so on. Numbers come again once they are free. */
export class Names {
  private readonly taken = new Map<string, { most: number; readonly free: number[] }>();

  take(name: string): { readonly name: string; readonly release: () => void } {
    const { taken } = this;
    const numbers = taken.get(name) ?? { most: 0, free: [] };
    taken.set(name, numbers);
    const number = numbers.free.pop() ?? ++numbers.most;
    return {
      name: number === 1 ? name : `${name} ${number}`,
      release: () => {
        if (numbers.free.push(number) === numbers.most) taken.delete(name);
      },
    };
  }
}
