// Variants of attention: what happens to a logit between the dot product and the softmax. The tiled kernels know nothing
// of it. Logits come scaled (with SOFTCAP, divided by the cap) and leave in units of log2(e), ready for exp2.

struct Row {
    float slope;  // ALiBi, times log2(e)
};

Row variant_row(uint head) { return Row(ALIBI ? Floats(p.slopes).v[head] * LOG2_E : LOG2_E); }

// `mask`: the given mask's value. `distance`: the key's position minus the query's.
float variant_logit(float logit, Row row, float mask, float distance) {
    if (SOFTCAP) logit = tanh(logit) * p.softcap;
    if (MASK != 0u) return fma(row.slope, mask, logit);
    return ALIBI ? fma(row.slope, distance, logit) : logit;
}

// The logit, in the same units, that a head's sink adds to each row's softmax, without a value.
float variant_sink(uint head) { return Floats(p.sinks).v[head] * LOG2_E; }
