#include "host/access.hpp"

#include <algorithm>

namespace tuff::host {

bool AccessTracker::meets(const std::vector<Span>& spans, const Range& access) {
    return std::ranges::any_of(
        spans, [&access](const Span& span) { return span.begin < access.end && access.begin < span.end; });
}

// Neighbours are joined, so a buffer written piece by piece in order stays one span.
void AccessTracker::insert(std::vector<Span>& spans, const Range& access) {
    for (Span& span : spans) {
        if (access.begin <= span.end && span.begin <= access.end) {
            span.begin = std::min(span.begin, access.begin);
            span.end = std::max(span.end, access.end);
            return;
        }
    }
    spans.push_back({access.begin, access.end});
}

bool AccessTracker::conflicts(const Range& access) const {
    if (access.begin >= access.end) return false;
    const auto at = buffers_.find(access.buffer);
    if (at == buffers_.end()) return false;
    if (meets(at->second.writes, access)) return true;
    return access.write && meets(at->second.reads, access);
}

void AccessTracker::add(const Range& access) {
    if (access.begin >= access.end || (!access.read && !access.write)) return;
    PerBuffer& buffer = buffers_[access.buffer];
    if (access.read) insert(buffer.reads, access);
    if (access.write) insert(buffer.writes, access);
}

}  // namespace tuff::host
