// Ctrl-C as a question that long work asks, so that it ends in order.
#pragma once

#include <csignal>

namespace tuff::tools {

// While it lives, the first SIGINT only makes pressed() true; a second one ends the program as usual. One at
// a time.
class Interrupt {
  public:
    Interrupt();
    Interrupt(const Interrupt&) = delete;
    Interrupt& operator=(const Interrupt&) = delete;
    ~Interrupt();

    [[nodiscard]] bool pressed() const;

  private:
    struct sigaction before_;
};

}  // namespace tuff::tools
