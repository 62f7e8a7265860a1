// The highest bits of codes in a plane or word of their own, as the layout `planes` has them (backend/formats/codes.hpp): of a
// group's word, bits of slice s are in bit s (low half) and bit 4 + s (high half) of the bytes. Here they come out in bit 0.
uint low_bits(uint word, uint s) { return (word >> s) & 0x01010101u; }
uint high_bits(uint word, uint s) { return (word >> (4u + s)) & 0x01010101u; }
