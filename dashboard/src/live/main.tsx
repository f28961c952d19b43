import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "uplot/dist/uPlot.min.css";
import { App, applyTheme, keptTheme } from "./App";
import "./live.css";

applyTheme(keptTheme());
createRoot(document.getElementById("root")!).render(<StrictMode><App /></StrictMode>);
