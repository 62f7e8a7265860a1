#include "bench/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace tuff::bench {

std::string progress_bar(std::uint64_t done, std::uint64_t all) {
    constexpr std::size_t kWidth = 24;
    const double share = all == 0 ? 1 : static_cast<double>(done) / static_cast<double>(all);
    const auto full = static_cast<std::size_t>(share * kWidth);
    return fmt::format("[{}{}] {:3.0f} %", std::string(full, '#'), std::string(kWidth - full, '-'),
                       100 * share);
}

Progress::Progress() : terminal_(::isatty(STDERR_FILENO) == 1) {}

void Progress::show(std::string_view text) {
    if (!terminal_) return;
    constexpr std::size_t kWidth = 79;  // a line that wraps could not be removed
    fmt::print(stderr, "\r\x1b[K{}", text.substr(0, kWidth));
    std::fflush(stderr);
    shown_ = true;
}

void Progress::clear() {
    if (!shown_) return;
    fmt::print(stderr, "\r\x1b[K");
    std::fflush(stderr);
    shown_ = false;
}

}  // namespace tuff::bench
