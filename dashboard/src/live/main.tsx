import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "uplot/dist/uPlot.min.css";
import { App } from "./App";
import "./live.css";

createRoot(document.getElementById("root")!).render(<StrictMode><App /></StrictMode>);
