// Runs the built `tuff` and gives back what it said.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "tests/temporary_directory.hpp"

namespace tuff::test {

struct Output {
    int code = -1;  // -1: it did not end by itself
    std::string out, err;
};

// `arguments` as a shell takes them; `environment`: assignments before the command.
inline Output run_tuff(const std::string& arguments, const std::string& environment = "") {
    const TemporaryDirectory directory;
    const std::string out = directory.path("out"), err = directory.path("err");
    const std::string command =
        environment + " '" TUFF_COMMAND "' " + arguments + " >'" + out + "' 2>'" + err + "'";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(out), read_file(err)};
}

// No driver is found, whatever the machine has.
inline constexpr const char* kNoDevice =
    "VK_DRIVER_FILES=/nonexistent.json VK_ICD_FILENAMES=/nonexistent.json VK_ADD_DRIVER_FILES=";

}  // namespace tuff::test
