// Reads the slices of a load on a thread of its own, as far ahead as its ring of buffers goes.
#pragma once

#include <tuff/result.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "backend/load/file_source.hpp"
#include "backend/load/slices.hpp"
#include "host/import.hpp"

namespace tuff {

// What was read of one slice, in a slot of the ring.
struct ReadSlice {
    std::size_t slot = 0;
    std::span<const std::byte> bytes;
};

class SliceReader {
  public:
    static constexpr std::size_t kSlots = 3;

    // `slices` must outlive the reader. `alignment`: of the slots' pages, for importing them; 0: as the
    // source needs it. out_of_memory.
    static Result<SliceReader> create(FileSource source, const Slices& slices, std::uint64_t alignment);
    SliceReader(SliceReader&&) = default;
    ~SliceReader();

    // Begins to read; the reader stays where it is from then on.
    void start();
    // The next slice, in order; its slot is not read into again before free(). The errors of
    // FileSource::read, after which there is no next. What reading throws (no memory) is thrown here.
    Result<ReadSlice> next();
    void free(std::size_t slot);

    [[nodiscard]] std::span<std::byte> pages(std::size_t slot) const { return pages_[slot].bytes(); }
    [[nodiscard]] std::uint64_t bytes() const { return kSlots * pages_[0].bytes().size(); }

  private:
    struct State {
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<std::size_t> unused;
        std::deque<Result<ReadSlice>> ready;
        std::exception_ptr thrown;  // that ended the thread
        bool stopped = false;
    };
    SliceReader(FileSource source, const Slices& slices);
    void run() noexcept;
    void read_all();

    FileSource source_;
    const Slices* slices_;
    std::vector<host::HostMemory> pages_;
    std::unique_ptr<State> state_;
    std::jthread thread_;  // last: it uses all the others
};

}  // namespace tuff
