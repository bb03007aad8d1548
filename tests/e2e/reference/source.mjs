// The data as its source serves it: JSON over REST, one prefix for each style of each schema.

import http from 'node:http';
import { Key, MISSING, Ref } from './data.mjs';
import { all } from './style.mjs';
import { Random } from './random.mjs';

/** Everything that a schema, its data and a style make together. */
export class World {
  constructor(schema, data, style, seed) {
    Object.assign(this, { schema, data, style, seed });
    this.types = new Map([schema.query, schema.mutation, ...schema.objects].map((object) => [object.name, object]));
  }

  field(typeName, name) {
    return this.types.get(typeName).fields.find((field) => field.name === name);
  }

  /** The first record with this key. */
  record(typeName, text) {
    return this.data.tables.get(typeName)?.find((record) => record.id instanceof Key && record.id.text === text);
  }

  /** What the type's own source has for a key: a record, or something that is none. */
  entry(typeName, text) {
    const record = this.record(typeName, text);
    if (!record) return null;
    const odd = new Random(hash(`${this.seed}${typeName}${text}`));
    return odd.chance(0.08) ? odd.pick([null, [], 5, { raw: {} }]) : new Ref(this.types.get(typeName), record);
  }

  /** Objects that the group connector of a field has for a parent's key. */
  children(typeName, field, text) {
    const value = this.record(typeName, text)?.[field.name];
    return [value].flat(3).filter((item) => item instanceof Ref);
  }
}

export function hash(text) {
  let sum = 2166136261;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 16777619);
  return sum >>> 0;
}

// --- data → JSON ---

class Renderer {
  constructor(world, random) {
    Object.assign(this, { world, random });
  }

  value(value, at) {
    if (value instanceof Key) return value;
    if (value instanceof Ref) return this.object(value, this.world.style.named.get(at).get(value.type.name));
    if (Array.isArray(value)) return value.map((item) => this.value(item, at));
    if (value !== null && typeof value === 'object') return value.raw;
    return value === MISSING ? undefined : value;
  }

  object(ref, names) {
    const { style } = this.world;
    const out = { junk: [1, { junk: null }] };
    for (const field of this.random.shuffle(ref.type.fields)) {
      if (!style.isInline(ref.type, field, names)) continue;
      const at = `${ref.type.name}.${field.name}`;
      const value = this.value(ref.record[field.name], at);
      if (value === undefined) continue;
      const [first, second] = style.keys.get(at);
      if (second) (out[first] ??= {})[second] = value;
      else out[first] = value;
    }
    if (ref.kind !== MISSING && ref.kind !== undefined) out.kind = ref.kind;
    return out;
  }

  /** JSON text; the same strings and numbers in different writings. */
  text(value) {
    if (value instanceof Key) return JSON.stringify(value.value);
    if (typeof value === 'string') return this.string(value);
    if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 1e9 && this.random.chance(0.1)) {
      return this.random.pick([`${value}.0`, `${value}e0`, `${value}.00E+0`]);
    }
    const gap = () => (this.random.chance(0.05) ? ' \n' : '');
    if (Array.isArray(value)) return `[${gap()}${value.map((item) => this.text(item)).join(`${gap()},${gap()}`)}]`;
    if (value !== null && typeof value === 'object') {
      return `{${gap()}${Object.entries(value).map(([key, item]) => `${this.string(key)}${gap()}:${gap()}${this.text(item)}`).join(',')}}`;
    }
    return JSON.stringify(value);
  }

  string(value) {
    if (!this.random.chance(0.1)) return JSON.stringify(value);
    const escape = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    return `"${value.split('').map((unit) => (this.random.chance(0.4) ? escape(unit) : JSON.stringify(unit).slice(1, -1))).join('')}"`;
  }
}

// --- HTTP ---

export async function serve(worlds) {
  const counts = { calls: 0 };
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      counts.calls += 1;
      let text;
      try {
        text = answer(worlds, request.url, Buffer.concat(chunks).toString());
      } catch (error) {
        response.writeHead(500);
        return response.end(String(error));
      }
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(text);
    });
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close(), counts };
}

function answer(worlds, url, body) {
  const { pathname, searchParams } = new URL(url, 'http://x');
  const [, number, route, typeName, ...rest] = pathname.split('/').map(decodeURIComponent);
  const world = worlds.get(Number(number));
  const renderer = new Renderer(world, new Random(hash(url + body)));
  const object = world.types.get(typeName);
  const names = object && all(object);
  const sent = () => JSON.parse(body || '{}');
  switch (route) {
    case 'root':
    case 'own': {
      const [name, id] = rest;
      const field = world.field(typeName, name);
      const record = route === 'root' ? world.data.root[typeName] : world.record(typeName, id);
      const value = field.args ? { args: sent(), id: id ?? null } : renderer.value(record?.[name] ?? null, `${typeName}.${name}`);
      return renderer.text(value === undefined ? {} : { v: value });
    }
    case 'type': {
      const entry = world.entry(typeName, rest[0]);
      return renderer.text(entry instanceof Ref ? renderer.object(entry, names) : entry?.raw ?? entry);
    }
    case 'batch': {
      const ids = (object.n % 2 === 0 ? searchParams.getAll('id') : sent().ids).map(String);
      return renderer.text(batch(world, renderer, typeName, ids, names));
    }
    case 'group': {
      const field = world.field(typeName, rest[0]);
      const part = world.style.named.get(`${typeName}.${field.name}`).get(field.target.name);
      return renderer.text(group(world, renderer, typeName, field, searchParams.getAll('id'), part));
    }
  }
  throw new Error(`no route for ${url}`);
}

/** Items out of order, some twice, some nobody asked for, some that are no objects. */
function batch(world, renderer, typeName, ids, names) {
  const { random } = renderer;
  const refs = ids.map((id) => world.entry(typeName, id)).filter((entry) => entry instanceof Ref);
  const items = random.shuffle(refs).map((ref) => renderer.object(ref, names));
  const again = random.some(refs, 0.2).map((ref) => ({ id: ref.record.id }));
  const extra = random.chance(0.3) ? [{ id: 'nobody asked' }, null, 5, {}] : [];
  return [...items, ...random.shuffle([...again, ...extra])];
}

/** The items of all parents, mixed; those of one parent keep their order. */
function group(world, renderer, typeName, field, ids, names) {
  const { random } = renderer;
  const queues = ids.map((id) => world.children(typeName, field, id).map((ref) => ({ ...renderer.object(ref, names), pid: new Key(id) })));
  const items = random.chance(0.3) ? [{ pid: new Key('nobody asked') }, null, 7] : [];
  for (let waiting = queues.filter((queue) => queue.length > 0); waiting.length > 0; waiting = waiting.filter((queue) => queue.length > 0)) {
    items.push(random.pick(waiting).shift());
  }
  return items;
}
