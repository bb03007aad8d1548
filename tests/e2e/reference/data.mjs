// Random data for a schema: mostly right, sometimes null, missing, of a wrong kind, out of range.

import { ENUMS, nameOf } from './types.mjs';

/** An object of the data: a record of a table. */
export class Ref {
  constructor(type, record, kind) {
    this.type = type;
    this.record = record;
    /** What tells the source's reader of which type it is; sometimes wrong. */
    this.kind = kind;
  }
}

/** A key, always written in the same way. */
export class Key {
  constructor(value) {
    this.value = value;
  }

  get text() {
    return String(this.value);
  }
}

/** No such key in the source's object. */
export const MISSING = Symbol('missing');

const IDS = ['a1', 'b', '7', 12, 3, 'x y', 'a/b', 'ü☃', '50%', 'q?&=#', '2', 99];

export function makeData(random, schema, oddity) {
  const data = { tables: new Map(), root: {} };
  const make = new Maker(random, schema, data, oddity);
  for (const object of [...schema.objects].reverse()) data.tables.set(object.name, make.table(object));
  for (const root of [schema.query, schema.mutation]) data.root[root.name] = make.record(root);
  return data;
}

class Maker {
  constructor(random, schema, data, oddity) {
    Object.assign(this, { random, schema, data, oddity });
  }

  odd(factor = 1) {
    return this.random.chance(this.oddity * factor);
  }

  table(object) {
    const ids = this.random.shuffle(IDS);
    return Array.from({ length: this.random.int(1, 4) }, (_, n) => {
      const record = this.record(object);
      if (object.isKeyed) record.id = this.id(object, ids[n], n);
      return record;
    });
  }

  id(object, text, n) {
    if (this.odd(0.7)) return this.random.pick([null, MISSING]);
    const type = nameOf(object.fields[0].type);
    return new Key(type === 'Int' ? n * 10 + 1 : text);
  }

  record(object) {
    const record = {};
    for (const field of object.fields) if (!field.args) record[field.name] = this.value(field.type);
    return record;
  }

  value(type, isNonNull = false) {
    if (type.kind === 'nonNull') return this.value(type.of, true);
    if (this.odd(isNonNull ? 0.5 : 1)) return this.random.pick([null, MISSING]);
    const composite = this.schema.objects.find((object) => object.name === nameOf(type)) ?? this.schema.abstracts.find((abstract) => abstract.name === nameOf(type));
    if (type.kind === 'list') {
      if (this.odd(0.4)) return this.random.pick([5, 'text', true, ...(composite ? [this.ref(composite)] : [{ raw: { a: 1 } }])]);
      const items = Array.from({ length: this.random.int(0, 3) }, () => this.value(type.of));
      return items.map((item) => (item === MISSING ? null : item));
    }
    if (composite) {
      if (this.odd(0.4)) return this.random.pick([5, 'text', true, [], [this.ref(composite)], [null, 3]]);
      return this.ref(composite);
    }
    return this.odd() ? this.wrong(type.name) : this.leaf(type.name);
  }

  ref(composite) {
    const object = composite.members ? this.random.pick(composite.members) : composite;
    const record = this.random.pick(this.data.tables.get(object.name));
    const kind = this.odd(0.4) ? this.random.pick(['nobody', null, 3, MISSING]) : `k${object.name}`;
    return new Ref(object, record, kind);
  }

  leaf(name) {
    const { random } = this;
    switch (name) {
      case 'Int': return random.pick([0, 1, -1, 2147483647, -2147483648, random.int(-1000000, 1000000)]);
      case 'Float': return random.pick([0, 1, 1.5, -2.25, 1e21, 1e-7, 123456.789, random.next()]);
      case 'String': return this.text();
      case 'Boolean': return random.chance(0.5);
      case 'ID': return random.pick(['id', '5', 5, -3, 'ü', '']);
      case 'Any': return random.pick([1, 'x', false, { raw: { b: [1, { a: null }], a: 'é' } }, { raw: [] }, { raw: [[1], 2] }]);
      default: return random.pick(ENUMS[name]);
    }
  }

  text() {
    return this.random.pick(['', 'plain', 'a "b" \\ c', 'tab\tline\nbell\u0007', 'ünïcödé ☃', '😀 emoji', '</script>', '\u2028', 'null', '12', 'half \ud83d']);
  }

  wrong(name) {
    const { random } = this;
    const common = [{ raw: [1] }, { raw: { a: 1 } }];
    switch (name) {
      case 'Int': return random.pick(['12', '1.0', 'x', '', '1e3', ' 5 ', '+4', 1.5, -0.5, 2147483648, -2147483649, 1e15, true, false, ...common]);
      case 'Float': return random.pick(['1.5', 'x', '', '-3', true, false, ...common]);
      case 'String': return random.pick([1, 1.5, 1e21, -0.001, 1e-7, true, false, ...common]);
      case 'Boolean': return random.pick([0, 1, 2.5, 'true', '', ...common]);
      case 'ID': return random.pick([1.5, 1e21, 100000, true, ...common]);
      case 'Any': return random.pick(common);
      default: return random.pick(['red', 'PURPLE', '', 1, true, ...common]);
    }
  }
}
