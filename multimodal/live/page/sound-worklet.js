// @ts-check
// Collects the microphone's samples into blocks of about 50 ms, mono int16, and hands them to the worker.
/* global AudioWorkletProcessor, registerProcessor, currentFrame, sampleRate */

const BLOCK = Math.round((sampleRate * 0.05) / 128) * 128;

class Blocks extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.late = processorOptions.late;
    this.samples = new Int16Array(BLOCK);
    this.filled = 0;
    this.start = 0;
    this.port.onmessage = ({ data }) => (this.out = data.port);
  }

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    const channels = inputs[0];
    if (!channels.length || !this.out) return true;
    if (this.filled && currentFrame !== this.start + this.filled) this.filled = 0; // a gap: begin anew
    if (!this.filled) this.start = currentFrame;
    for (let i = 0; i < channels[0].length; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      const value = Math.max(-1, Math.min(1, sum / channels.length));
      this.samples[this.filled++] = Math.round(value * 32767);
    }
    if (this.filled >= BLOCK) {
      const samples = this.samples;
      this.out.postMessage({ start: this.start, rate: sampleRate, samples, late: this.late }, [samples.buffer]);
      this.samples = new Int16Array(BLOCK);
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor("blocks", Blocks);
