#include <tuff/log.hpp>

#include <mutex>

namespace tuff {
namespace {

struct Sink {
    std::mutex mutex;
    LogCallback callback = nullptr;
    void* user = nullptr;
};

// Never destroyed: a message may come from another static object's destructor.
Sink& sink() {
    static Sink* const instance = new Sink;
    return *instance;
}

}  // namespace

void set_log_callback(LogCallback callback, void* user) {
    const std::lock_guard lock(sink().mutex);
    sink().callback = callback;
    sink().user = user;
}

void log_message(LogLevel level, std::string_view message) {
    LogCallback callback = nullptr;
    void* user = nullptr;
    {
        const std::lock_guard lock(sink().mutex);
        callback = sink().callback;
        user = sink().user;
    }
    if (callback != nullptr) callback(level, message, user);
}

}  // namespace tuff
