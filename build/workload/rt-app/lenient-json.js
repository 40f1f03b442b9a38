/**
 * JSON as rt-app files are really written: comments (slash-star and slash-slash), a comma after the last member, the same
 * key several times in one object, and members that are a key alone. @spec 25 §11.1
 *
 * Members are kept in file order with their duplicates, every node knows its offset. Nesting, the length of a text and
 * the number of its nodes are limited, so that no input can take the memory.
 */
import { UserError } from "../../base/errors.js";
/** The longest text taken, in characters. */
const MAX_JSON_LENGTH = 1 << 24;
const MAX_DEPTH = 32;
const MAX_NODES = 1 << 20;
/** Parses a whole text; throws `UserError` (code `format`, or `limit`) at the place of the first thing wrong. */
export function parseLenientJson(source) {
    if (source.text.length > MAX_JSON_LENGTH)
        throw new UserError('limit', `${source.text.length} characters are more than ${MAX_JSON_LENGTH}`, {
            file: source.file,
        });
    return new Parser(source).parse();
}
class Parser {
    #source;
    #text;
    #at = 0;
    #depth = 0;
    #nodes = 0;
    constructor(source) {
        this.#source = source;
        this.#text = source.text;
    }
    parse() {
        if (this.#text.charCodeAt(0) === 0xfeff)
            this.#at = 1;
        this.#skip();
        const root = this.#value();
        this.#skip();
        if (this.#at < this.#text.length)
            throw this.#error(`${this.#found()} after the end`, 'is there one closing brace too many?');
        return root;
    }
    #value() {
        this.#count();
        const at = this.#at;
        const c = this.#text[at];
        if (c === '{' || c === '[') {
            if (++this.#depth > MAX_DEPTH)
                throw this.#source.error('limit', `objects are nested deeper than ${MAX_DEPTH}`, at);
            this.#at++;
            const node = c === '{' ? { type: 'object', at, members: this.#members() } : { type: 'array', at, items: this.#items() };
            this.#depth--;
            return node;
        }
        if (c === '"')
            return { type: 'string', at, value: this.#string() };
        if (c === '-' || (c !== undefined && c >= '0' && c <= '9'))
            return { type: 'number', at, value: this.#number() };
        const word = this.#word();
        if (word === 'true' || word === 'false') {
            this.#at += word.length;
            return { type: 'boolean', at, value: word === 'true' };
        }
        if (word === 'null') {
            this.#at += word.length;
            return { type: 'null', at };
        }
        throw this.#error(`expected a value, found ${this.#found()}`, word === '' ? '' : 'texts are in double quotes');
    }
    #members() {
        const open = this.#at - 1;
        const members = [];
        for (;;) {
            this.#skip();
            if (this.#take('}'))
                return members;
            const at = this.#at;
            if (at >= this.#text.length)
                throw this.#source.error('format', 'this "{" is never closed', open);
            if (this.#text[at] !== '"')
                throw this.#error(`expected a key, found ${this.#found()}`, this.#keyHint());
            const key = this.#string();
            this.#skip();
            let value;
            if (this.#take(':')) {
                this.#skip();
                value = this.#value();
                this.#skip();
            }
            else
                this.#count();
            members.push({ key, at, value });
            if (this.#take(','))
                continue;
            if (this.#text[this.#at] !== '}') {
                const expected = value === undefined ? '":", "," or "}"' : '"," or "}"';
                if (this.#at >= this.#text.length)
                    throw this.#source.error('format', 'this "{" is never closed', open);
                throw this.#error(`expected ${expected}, found ${this.#found()}`, 'is a comma missing before it?');
            }
        }
    }
    #items() {
        const open = this.#at - 1;
        const items = [];
        for (;;) {
            this.#skip();
            if (this.#take(']'))
                return items;
            if (this.#at >= this.#text.length)
                throw this.#source.error('format', 'this "[" is never closed', open);
            items.push(this.#value());
            this.#skip();
            if (this.#take(','))
                continue;
            if (this.#at >= this.#text.length)
                throw this.#source.error('format', 'this "[" is never closed', open);
            if (this.#text[this.#at] !== ']')
                throw this.#error(`expected "," or "]", found ${this.#found()}`);
        }
    }
    #string() {
        const text = this.#text;
        const open = this.#at;
        let out = '';
        let from = ++this.#at;
        for (;; this.#at++) {
            const c = text.charCodeAt(this.#at);
            if (Number.isNaN(c) || c === 0x0a)
                throw this.#source.error('format', 'this text is never closed', open);
            if (c === 0x22) {
                out += text.slice(from, this.#at++);
                return out;
            }
            if (c !== 0x5c)
                continue;
            out += text.slice(from, this.#at) + this.#escape();
            from = this.#at + 1;
        }
    }
    /** At a backslash; leaves the position at the escape's last character. */
    #escape() {
        const c = this.#text[++this.#at] ?? '';
        if (c === 'u') {
            const hex = this.#text.slice(this.#at + 1, this.#at + 5);
            if (!/^[0-9a-fA-F]{4}$/.test(hex))
                throw this.#error('expected four hexadecimal digits after \\u');
            this.#at += 4;
            return String.fromCharCode(Number.parseInt(hex, 16));
        }
        const plain = ESCAPES.get(c);
        if (plain === undefined)
            throw this.#error(`unknown escape \\${c === '\n' ? '' : c}`);
        return plain;
    }
    #number() {
        NUMBER.lastIndex = this.#at;
        const m = NUMBER.exec(this.#text);
        const value = m === null ? Number.NaN : Number(m[0]);
        if (m === null || !Number.isFinite(value))
            throw this.#error(`expected a number, found ${this.#found()}`);
        this.#at += m[0].length;
        if (/[\w.]/.test(this.#text[this.#at] ?? ''))
            throw this.#error(`expected the end of a number, found ${this.#found()}`);
        return value;
    }
    #count() {
        if (++this.#nodes > MAX_NODES)
            throw this.#source.error('limit', `more than ${MAX_NODES} values`, this.#at);
    }
    #word() {
        WORD.lastIndex = this.#at;
        return WORD.exec(this.#text)?.[0] ?? '';
    }
    /** Past white space and comments. */
    #skip() {
        const text = this.#text;
        for (;;) {
            const c = text.charCodeAt(this.#at);
            if (c === 0x20 || (c >= 0x09 && c <= 0x0d))
                this.#at++;
            else if (c === 0x2f && text[this.#at + 1] === '*') {
                const end = text.indexOf('*/', this.#at + 2);
                if (end < 0)
                    throw this.#error('this comment is never closed');
                this.#at = end + 2;
            }
            else if (c === 0x2f && text[this.#at + 1] === '/') {
                const end = text.indexOf('\n', this.#at);
                this.#at = end < 0 ? text.length : end;
            }
            else
                return;
        }
    }
    #take(c) {
        if (this.#text[this.#at] !== c)
            return false;
        this.#at++;
        return true;
    }
    #found() {
        if (this.#at >= this.#text.length)
            return 'the end of the file';
        const c = this.#text.codePointAt(this.#at);
        if (c === 0x22)
            return 'a text';
        return c < 0x20 || c === 0x7f ? `character ${c}` : `"${String.fromCodePoint(c)}"`;
    }
    #keyHint() {
        if (this.#text[this.#at] === ',')
            return 'there is nothing between two commas';
        return this.#word() === '' ? '' : 'keys are in double quotes';
    }
    #error(what, hint = '') {
        return this.#source.error('format', what, this.#at, hint);
    }
}
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /[A-Za-z_][\w.]*/y;
const ESCAPES = new Map([
    ['"', '"'],
    ['\\', '\\'],
    ['/', '/'],
    ['b', '\b'],
    ['f', '\f'],
    ['n', '\n'],
    ['r', '\r'],
    ['t', '\t'],
]);
