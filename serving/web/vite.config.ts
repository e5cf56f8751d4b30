import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import type { Plugin } from "vite";

// In the Python package, so that `keras-s2s web` finds it in a checkout and in a wheel alike.
const OUTPUT = "../../keras_s2s/web_page";
const LITERT = "node_modules/@litertjs/core/wasm";
// LiteRT takes one of these, by what the browser can do.
const VARIANTS = ["litert_wasm_internal", "litert_wasm_compat_internal"];

/** Put LiteRT's files beside the page. */
function copyLiteRt(): Plugin {
  return {
    name: "copy-litert",
    closeBundle() {
      mkdirSync(join(OUTPUT, "litert"), { recursive: true });
      for (const name of VARIANTS) {
        for (const end of ["js", "wasm"])
          cpSync(join(LITERT, `${name}.${end}`), join(OUTPUT, "litert", `${name}.${end}`));
      }
    },
  };
}

/** Put the licences of what is bundled beside the page; LiteRT's is that of keras-s2s itself, Apache-2.0. */
function copyLicences(): Plugin {
  return {
    name: "copy-licences",
    closeBundle() {
      const texts = ["fflate", "pbf"].map(
        (name) => `${name}\n\n${readFileSync(join("node_modules", name, "LICENSE"), "utf-8")}`,
      );
      texts.push("@litertjs/core\n\nApache License 2.0, https://www.apache.org/licenses/LICENSE-2.0\n");
      writeFileSync(join(OUTPUT, "licences.txt"), texts.join("\n\n"));
    },
  };
}

/** Tell the service worker which files the page has. LiteRT's are left out: only one variant is ever used. */
function listFiles(): Plugin {
  return {
    name: "list-files",
    closeBundle() {
      const script = join(OUTPUT, "service_worker.js");
      const files = (readdirSync(OUTPUT, { recursive: true }) as string[])
        .map((file) => file.replaceAll("\\", "/"))
        .filter(
          (file) => /\.(css|html|js|svg)$/.test(file) && file !== "service_worker.js" && !file.startsWith("litert/"),
        )
        .sort();
      const hash = createHash("sha256").update(readFileSync("package-lock.json"));
      for (const file of files) hash.update(file).update(readFileSync(join(OUTPUT, file)));
      const names = files.map((file) => (file === "index.html" ? "./" : file));
      const source = readFileSync(script, "utf-8")
        .replace("__FILES__", JSON.stringify(names))
        .replace("__HASH__", JSON.stringify(hash.digest("hex").slice(0, 12)));
      writeFileSync(script, source);
    },
  };
}

export default defineConfig({
  base: "./",
  build: {
    outDir: OUTPUT,
    emptyOutDir: true,
    target: "es2022",
    rolldownOptions: {
      input: { index: "index.html", service_worker: "src/service_worker.ts" },
      output: {
        entryFileNames: ({ name }) => (name === "service_worker" ? "[name].js" : "assets/[name]-[hash].js"),
      },
    },
  },
  plugins: [copyLiteRt(), copyLicences(), listFiles()],
  test: { include: ["tests/**/*.test.ts"], testTimeout: 600_000 },
});
