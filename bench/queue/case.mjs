// One case in a process of its own: `case.mjs <file>.<function> '<options>'` prints what it returns, as JSON.
const [name = '', options = '{}'] = process.argv.slice(2);
const [file, run = ''] = name.split('.');
const result = await (await import(`./${file}.mjs`))[run](JSON.parse(options));
if (process.send === undefined) {
  process.stdout.write(JSON.stringify(result), () => process.exit()); // a peer's timers would keep it for a minute
} else {
  process.send(result, () => process.exit());
}
