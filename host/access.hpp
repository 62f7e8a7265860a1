// Which recorded reads and writes need a barrier between them. Knows numbers only, so it is tested without a
// device.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace tuff::host {

class AccessTracker {
  public:
    struct Range {
        std::uint64_t buffer = 0;  // any number that tells buffers apart
        std::uint64_t begin = 0;
        std::uint64_t end = 0;  // one past the last byte
        bool read = false;
        bool write = false;
    };

    // Whether this access meets an earlier one it has to wait for: read after write, write after read, write
    // after write, of at least one common byte, with no barrier between.
    [[nodiscard]] bool conflicts(const Range& access) const;

    void add(const Range& access);

    // A barrier between everything so far and everything to come.
    void clear() { buffers_.clear(); }
    [[nodiscard]] bool empty() const { return buffers_.empty(); }

  private:
    struct Span {
        std::uint64_t begin, end;
    };
    struct PerBuffer {
        std::vector<Span> reads, writes;
    };
    static bool meets(const std::vector<Span>& spans, const Range& access);
    static void insert(std::vector<Span>& spans, const Range& access);
    std::unordered_map<std::uint64_t, PerBuffer> buffers_;
};

}  // namespace tuff::host
