// A line on standard error that says what is going on; only where someone can see it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tuff::bench {

// "[######----]  60 %": how much of all is done.
[[nodiscard]] std::string progress_bar(std::uint64_t done, std::uint64_t all);

class Progress {
  public:
    Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() { clear(); }

    // Replaces the line. Nothing happens where standard error is not a terminal.
    void show(std::string_view text);
    // Removes it, before anything else is printed.
    void clear();

  private:
    bool terminal_ = false;
    bool shown_ = false;
};

}  // namespace tuff::bench
