// What Node.js makes of each line, a text as a string of JSON: null if it is no JSON, else the
// text written anew, and whether it is a number that is not infinite.
'use strict';

const lines = require('fs').readFileSync(0, 'utf8').split('\n').slice(0, -1);

function judge(text) {
  try {
    const value = JSON.parse(text);
    return { again: JSON.stringify(value), number: Number.isFinite(value) };
  } catch {
    return null;
  }
}

console.log(JSON.stringify(lines.map((line) => judge(JSON.parse(line)))));
