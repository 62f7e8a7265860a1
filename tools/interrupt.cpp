#include "tools/interrupt.hpp"

namespace tuff::tools {
namespace {

volatile std::sig_atomic_t g_pressed = 0;

void press(int /*signal*/) {
    g_pressed = 1;
}

}  // namespace

Interrupt::Interrupt() : before_() {
    g_pressed = 0;
    struct sigaction action {};
    action.sa_handler = press;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
    ::sigaction(SIGINT, &action, &before_);
}

Interrupt::~Interrupt() {
    ::sigaction(SIGINT, &before_, nullptr);
}

bool Interrupt::pressed() const {
    return g_pressed != 0;
}

}  // namespace tuff::tools
