import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Two pages: the operator's console and the landing page of the owned domain. The build goes straight
// into the Python package, so that wheel, editable install and sdist serve the same path.
export default defineConfig({
  base: "./",
  plugins: [react()],
  build: {
    outDir: "../src/ignite_app/dashboard",
    emptyOutDir: true,
    rollupOptions: { input: { index: "index.html", site: "site.html" } },
  },
});
