#include "backend/load/slice_reader.hpp"

#include <algorithm>
#include <utility>

namespace tuff {

SliceReader::SliceReader(FileSource source, const Slices& slices)
    : source_(std::move(source)), slices_(&slices), state_(std::make_unique<State>()) {
    for (std::size_t i = 0; i < kSlots; i++) state_->unused.push_back(i);
}

Result<SliceReader> SliceReader::create(FileSource source, const Slices& slices, std::uint64_t alignment) {
    SliceReader reader(std::move(source), slices);
    // An imported slot ends in a buffer's tail.
    const std::uint64_t bytes = FileSource::scratch_bytes(slices.most_bytes) + host::kTailBytes;
    for (std::size_t i = 0; i < kSlots; i++) {
        TUFF_TRY(pages, host::HostMemory::allocate(bytes, std::max(alignment, FileSource::kAlignment)));
        reader.pages_.push_back(std::move(pages));
    }
    return reader;
}

SliceReader::~SliceReader() {
    if (!state_) return;  // moved from
    {
        const std::lock_guard lock(state_->mutex);
        state_->stopped = true;
    }
    state_->changed.notify_all();
}

void SliceReader::start() {
    thread_ = std::jthread([this] { run(); });
}

Result<ReadSlice> SliceReader::next() {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [this] { return !state_->ready.empty() || state_->thrown; });
    if (state_->ready.empty()) std::rethrow_exception(state_->thrown);
    Result<ReadSlice> first = std::move(state_->ready.front());
    state_->ready.pop_front();
    return first;
}

void SliceReader::free(std::size_t slot) {
    {
        const std::lock_guard lock(state_->mutex);
        state_->unused.push_back(slot);
    }
    state_->changed.notify_all();
}

void SliceReader::run() noexcept {
    try {
        read_all();
    } catch (...) {
        const std::lock_guard lock(state_->mutex);
        state_->thrown = std::current_exception();
    }
    state_->changed.notify_all();
}

void SliceReader::read_all() {
    for (const Slice& slice : slices_->all) {
        std::size_t slot = 0;
        {
            std::unique_lock lock(state_->mutex);
            state_->changed.wait(lock, [this] { return state_->stopped || !state_->unused.empty(); });
            if (state_->stopped) return;
            slot = state_->unused.front();
            state_->unused.pop_front();
        }
        const auto read = source_.read(slice.offset, slice.bytes, pages_[slot].bytes());
        {
            const std::lock_guard lock(state_->mutex);
            if (read)
                state_->ready.push_back(ReadSlice{slot, *read});
            else
                state_->ready.push_back(std::unexpected(read.error()));
        }
        state_->changed.notify_all();
        if (!read) return;
    }
}

}  // namespace tuff
