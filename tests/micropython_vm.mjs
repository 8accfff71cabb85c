// Runs one script on the MicroPython VM. stdin: {package, heap, files: {path: text}, path: [folder], script}.
// What the script prints goes to stdout as it is; an uncaught exception goes to stderr and ends with 1.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const job = JSON.parse(readFileSync(0, "utf8"));
const { loadMicroPython } = await import(pathToFileURL(`${job.package}/micropython.mjs`));
const vm = await loadMicroPython({
  heapsize: job.heap,
  linebuffer: false,
  stdout: (bytes) => process.stdout.write(bytes),
});
for (const [name, text] of Object.entries(job.files)) {
  vm.FS.mkdirTree(name.slice(0, name.lastIndexOf("/")));
  vm.FS.writeFile(name, text);
}
try {
  vm.runPython(`import sys\nsys.path[:0] = ${JSON.stringify(job.path)}\ndel sys\n`);
  vm.runPython(job.script);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
