// Loading each of these registers its function.
import './sweep.ts';
import './remediateRegion.ts';
import './vmWritten.ts';
import './remediateVm.ts';
