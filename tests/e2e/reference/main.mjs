// Compares Switchboard with graphql-js on random operations over random schemas and data.
//
//   node main.mjs DRIVER [--seeds 1,2,3] [--schemas 40] [--operations 10] [--styles inline,own,…] [--styles-each 2]

import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { compare, minimise } from './compare.mjs';
import { makeData } from './data.mjs';
import { Judge } from './judge.mjs';
import { makeOperation } from './operation.mjs';
import { Random } from './random.mjs';
import { serve, World } from './source.mjs';
import { Style, STYLES } from './style.mjs';
import { makeSchema } from './types.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '1' },
    schemas: { type: 'string', default: '40' },
    operations: { type: 'string', default: '10' },
    styles: { type: 'string', default: STYLES.join(',') },
    // How many of them each schema is tried in.
    'styles-each': { type: 'string', default: '9' },
    stop: { type: 'string', default: '3' },
  },
});

/** The process that runs Switchboard: a question a line, an answer a line. */
class Driver {
  constructor(path) {
    this.process = spawn(path, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.waiting = new Map();
    this.next = 0;
    // Not `readline`: it also ends lines at U+2028, which JSON text may hold.
    let rest = '';
    this.process.stdout.setEncoding('utf8').on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      for (const line of lines) this.take(JSON.parse(line));
    });
    this.process.on('exit', (code) => {
      if (this.waiting.size > 0) {
        console.error(`the driver ended with ${code}`);
        process.exit(2);
      }
    });
  }

  take({ id, answer }) {
    this.waiting.get(id)(answer);
    this.waiting.delete(id);
  }

  ask(question) {
    const id = this.next++;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.process.stdin.write(`${JSON.stringify({ id, ...question })}\n`);
    });
  }

  end() {
    this.process.stdin.end();
  }
}

const worlds = new Map();
const source = await serve(worlds);
const driver = new Driver(positionals[0]);
const started = Date.now();
let [operations, executions, differences] = [0, 0, 0];

async function one(world, number, judge, operation) {
  const sdl = world.style.sdl();
  const ask = (query, variables) => driver.ask({ sdl, sources: { api: `${source.url}/${number}` }, query, variables });
  const answers = async ({ query, document, variables }) => [judge.answer(document, variables), await ask(query, variables)];
  executions += 1;
  const difference = compare(...(await answers(operation)));
  if (!difference) return;
  differences += 1;
  if (differences > Number(options.stop)) return;
  const small = await minimise(judge.schema, operation, async (smaller) => compare(...(await answers(smaller))));
  const [theirs, ours] = await answers(small);
  console.log(`\n=== ${world.name}: ${compare(theirs, ours) ?? difference}`);
  console.log(sdl);
  console.log(`--- operation\n${small.query}\n--- variables\n${JSON.stringify(small.variables)}`);
  console.log(`--- graphql-js\n${JSON.stringify(theirs)}\n--- switchboard\n${JSON.stringify(ours)}`);
}

let number = 0;
for (const seed of options.seeds.split(',').map(Number)) {
  for (let n = 0; n < Number(options.schemas); n++) {
    const random = new Random(Math.imul(seed, 1000003) + n);
    const schema = makeSchema(random);
    const data = makeData(random, schema, random.pick([0, 0.03, 0.1]));
    const asked = [];
    const names = random.shuffle(options.styles.split(',')).slice(0, Number(options['styles-each']));
    for (const name of names) {
      const world = new World(schema, data, new Style(random.fork(), schema, name), `${seed}/${n}`);
      world.name = `seed ${seed} schema ${n} style ${name}`;
      const judge = new Judge(world);
      const operationRandom = new Random(Math.imul(seed, 7919) + n);
      worlds.set(++number, world);
      for (let i = 0; i < Number(options.operations); i++) {
        asked.push(one(world, number, judge, makeOperation(operationRandom, world, judge.schema)));
      }
    }
    operations += Number(options.operations);
    await Promise.all(asked);
    worlds.clear();
    if (differences > Number(options.stop)) break;
  }
}
driver.end();
source.close();
const seconds = (Date.now() - started) / 1000;
console.log(`${operations} operations, ${executions} executions, ${source.counts.calls} upstream calls, ${differences} differences, ${seconds.toFixed(1)} s`);
process.exitCode = differences > 0 ? 1 : 0;
