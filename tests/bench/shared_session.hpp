// One session for all tests of a program, so that kernels compile once.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <utility>

#include "bench/session.hpp"

namespace tuff::test {

// It goes before main() returns, because layers and drivers take down their own state after that.
class SharedSession : public testing::Environment {
  public:
    static inline std::optional<bench::Session> session;

  private:
    void TearDown() override { session.reset(); }
};
[[maybe_unused]] inline const testing::Environment* const kSharedSession =
    testing::AddGlobalTestEnvironment(new SharedSession);  // owned by the framework

inline bench::Session& shared_session() {
    if (!SharedSession::session) {
        auto session = bench::Session::open({});
        if (!session) throw std::runtime_error(session.error().message);
        SharedSession::session.emplace(std::move(*session));
    }
    return *SharedSession::session;
}

}  // namespace tuff::test
