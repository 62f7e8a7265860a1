// A line on standard error that says what is going on; only where someone can see it.
#pragma once

#include <string_view>

namespace tuff::bench {

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
