// Bytes to any address by 32-bit stores: 8- and 16-bit stores are optional features. A word that is written in part is changed by
// atomics, because its other bytes may be another invocation's, or nobody's.
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer TargetWord { uint v; };

struct Writer {
    uvec2 at;    // of the word being filled
    uint shift;  // its bits that are passed
    uint bits;
    uint mask;  // which of them are ours
};

Writer writer_open(uvec2 at) { return Writer(uvec2(at.x & ~3u, at.y), (at.x & 3u) * 8u, 0u, 0u); }

void writer_flush(Writer w) {
    TargetWord word = TargetWord(w.at);
    if (w.mask == 0xffffffffu) {
        word.v = w.bits;
    } else if (w.mask != 0u) {
        atomicAnd(word.v, ~w.mask);
        atomicOr(word.v, w.bits);
    }
}

// The lowest `count` bits of `value`, 16 or 32; the others are zero. Addresses are even where 16 are written.
void writer_put(inout Writer w, uint value, uint count) {
    uint ones = 0xffffffffu >> (32u - count);
    w.bits |= value << w.shift;
    w.mask |= ones << w.shift;
    if (w.shift + count < 32u) {
        w.shift += count;
        return;
    }
    writer_flush(w);
    w.at = advance(w.at, 4u);
    w.bits = (value >> 1u) >> (31u - w.shift);
    w.mask = (ones >> 1u) >> (31u - w.shift);
    w.shift = w.shift + count - 32u;
}
