// Jest evaluates each module anew for each suite. It would compile it anew too, which costs more time than most tests: here V8
// compiles it once for all suites of a worker.
import vm from 'node:vm';
import Runtime from 'jest-runtime';

const { compileFunction } = vm;

// V8 finds the compiled code of a script by its text, unless the script has a callback for import() of its own.
vm.compileFunction = (code, parameters, options) =>
  /\bimport\s*\(/.test(code)
    ? compileFunction(code, parameters, options)
    : new vm.Script(`(function (${parameters.join()}) {${code}\n})`, {
        filename: options.filename,
      }).runInContext(options.parsingContext);

export default Runtime;
