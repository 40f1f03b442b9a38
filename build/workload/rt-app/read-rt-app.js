/**
 * rt-app files as workloads. @spec 25 §11
 */
import { PlacedText, WarningList } from "../places.js";
import { compileRtApp } from "./compile.js";
import { readRtAppModel } from "./read-model.js";
/** Reads the text of an rt-app file; `file` is what messages call it. Throws `UserError`. */
export function readRtApp(text, options, file) {
    const source = new PlacedText(text, file);
    const warnings = new WarningList();
    const workload = compileRtApp(readRtAppModel(source, warnings), source, options, warnings);
    return { workload, warnings: warnings.all, features: [], repetitions: 1, seed0: 1, samples: [] };
}
