// The `blocks` layout: rows of GGUF blocks as they stand in a file, starting at any byte.
//
// A block of 17, 18, 34 or 210 bytes puts its fields at odd places, and 8- and 16-bit loads are optional features: a field is
// cut out of the aligned 32-bit words that hold its bytes, and no other word is touched, so that nothing is read outside the
// memory that somebody imported.
//
// A format gives these kernels one function: slice(), with the contract of lib/wide.glsl. It finds its block by advance(r.base,
// ...); blocks follow each other without gaps. Elements past the end of a row read as zeros; formats without blocks, the only
// ones whose rows may end inside a group, see to it by r.bytes.
struct Row {
    uvec2 base;
    uint bytes;  // of the row, its gap to the next one not counted
};

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer BlockWord { uint v; };

// The word that holds the byte at this address.
uint block_word(uvec2 at) { return BlockWord(uvec2(at.x & ~3u, at.y)).v; }

// The little-endian fields at byte `byte` from an address.
uint block_u8(uvec2 base, uint byte) {
    uvec2 at = advance(base, byte);
    return (block_word(at) >> ((at.x & 3u) * 8u)) & 255u;
}
// `last` is the distance to the field's last byte: where both ends share a word, its bits come in twice and the upper ones are
// cut off (16 bits) or shifted out (32 bits, whose ends share a word only at shift 0).
uint block_field(uvec2 base, uint byte, uint last) {
    uvec2 at = advance(base, byte);
    uint shift = (at.x & 3u) * 8u;
    return (block_word(at) >> shift) | ((block_word(advance(at, last)) << 1u) << (31u - shift));
}
uint block_u16(uvec2 base, uint byte) { return block_field(base, byte, 1u) & 65535u; }
uint block_u32(uvec2 base, uint byte) { return block_field(base, byte, 3u); }
float block_half(uvec2 base, uint byte) { return widen_half(block_u16(base, byte)); }

// The 16 bytes that an address begins.
uvec4 block_words(uvec2 base) { return uvec4(block_u32(base, 0u), block_u32(base, 4u), block_u32(base, 8u), block_u32(base, 12u)); }

// The lowest four bits as the lowest bits of the four bytes.
uint bits_to_bytes(uint bits) { return ((bits & 15u) * 0x00204081u) & 0x01010101u; }
