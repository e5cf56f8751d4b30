import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["eslint.config.js"] },
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Numbers in texts are the point of this page.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // Indexing is typed as if it always found something.
      "@typescript-eslint/no-unnecessary-condition": "off",
    },
  },
);
