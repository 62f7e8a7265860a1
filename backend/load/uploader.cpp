#include "backend/load/uploader.hpp"

#include <utility>

namespace tuff {

Result<Uploader> Uploader::create(host::Device& device, std::uint64_t slot_bytes) {
    Uploader made(device, slot_bytes);
    for (std::size_t i = 0; i < kSlots; i++) {
        TUFF_TRY(buffer, device.allocate(host::Intent::upload, slot_bytes, "staging"));
        if (!buffer.in_place())
            return fail(ErrorCode::unsupported, "{} has no coherent memory for staging",
                        device.snapshot().name);
        made.slots_.push_back({std::move(buffer), std::nullopt});
    }
    return made;
}

Result<std::span<std::byte>> Uploader::acquire() {
    Slot& slot = slots_[turn_];
    if (slot.copies) TUFF_CHECK(slot.copies->wait());
    slot.copies.reset();
    return slot.buffer.mapped().first(slot_bytes_);
}

Result<void> Uploader::send(host::Buffer& target, std::span<const RowsPiece> pieces) {
    Slot& slot = slots_[turn_];
    host::Stream stream(*device_, "loading", host::Queue::transfer);
    for (const RowsPiece& piece : pieces)
        TUFF_CHECK(stream.copy(slot.buffer, piece.from, target, piece.to, piece.bytes));
    TUFF_CHECK(stream.finish());
    TUFF_CHECK(stream.submit());
    slot.copies = std::move(stream);
    turn_ = (turn_ + 1) % slots_.size();
    return {};
}

Result<void> Uploader::drain() {
    for (Slot& slot : slots_)
        if (slot.copies) TUFF_CHECK(slot.copies->wait());
    return {};
}

}  // namespace tuff
