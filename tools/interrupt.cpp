#include "tools/interrupt.hpp"

#include <atomic>

namespace tuff::tools {
namespace {

// Set by a signal handler and read by any thread.
std::atomic<bool> g_pressed = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void press(int /*signal*/) {
    g_pressed = true;
}

}  // namespace

Interrupt::Interrupt() : before_() {
    g_pressed = false;
    struct sigaction action {};
    action.sa_handler = press;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
    ::sigaction(SIGINT, &action, &before_);
}

Interrupt::~Interrupt() {
    ::sigaction(SIGINT, &before_, nullptr);
}

bool Interrupt::pressed() const {
    return g_pressed;
}

}  // namespace tuff::tools
