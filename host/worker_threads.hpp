// Threads on which a software driver computes, each on a processor of its own.
#pragma once

#include <cstddef>
#include <vector>

namespace tuff::host {

// Remembers which threads the process has, so as to know those that a driver starts.
//
// lavapipe wakes as many threads for every dispatch as there are processors. Linux often puts two on one
// processor, as the thread that wakes them still runs on another; of two processors one then idles for the
// time of a dispatch of a few milliseconds, which takes twice as long (docs/measuring.md). Bound to a
// processor each, they never wait for each other.
class WorkerThreads {
  public:
    WorkerThreads();

    // Binds the workers that lavapipe has started since, in turn to the processors that the process may use,
    // if they are as many as those; returns how many are bound. 0, with nothing changed: other numbers of
    // workers or processors, threads that cannot be told apart, or a system other than Linux.
    [[nodiscard]] std::size_t bind_lavapipe() const;

  private:
    std::vector<int> before_;  // thread ids
};

}  // namespace tuff::host
