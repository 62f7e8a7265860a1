// Work of independent jobs, spread over threads.
#pragma once

#include <cstdint>
#include <functional>

namespace tuff {

// Runs job(0) to job(jobs - 1), each once, in any order, on up to `threads` threads of which the caller's is
// one; on fewer where the system makes no more. Returns when all have ended. What a job throws, the first of
// it, is thrown here; jobs that had not begun by then are left out.
void in_parallel(std::uint64_t jobs, unsigned threads, const std::function<void(std::uint64_t)>& job);

}  // namespace tuff
