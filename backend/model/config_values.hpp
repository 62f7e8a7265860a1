// Numbers of a config.json, each checked when it is read. The first mistake is kept, and everything after it
// reads as its fallback, so that a reader asks for all it needs and looks once whether all was right.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace tuff {

class ConfigValues {
  public:
    // `object` must be an object and outlive this; `prefix` stands before keys in messages ("text_config.").
    ConfigValues(const nlohmann::json& object, std::string name, std::string prefix = "");

    // Missing and null are the same. A number must be an integer in [least, most].
    std::uint64_t required(std::string_view key, std::uint64_t most, std::uint64_t least = 1);
    std::uint64_t optional(std::string_view key, std::uint64_t fallback, std::uint64_t most,
                           std::uint64_t least = 1);
    double optional_fraction(std::string_view key, double fallback);  // in (0, 1]
    bool flag(std::string_view key, bool fallback);
    std::string text(std::string_view key);                                        // empty where missing
    std::optional<std::vector<std::string>> texts(std::string_view key);           // an array of strings
    std::vector<std::uint64_t> numbers(std::string_view key, std::uint64_t most);  // empty where missing
    // "rope_scaling" and the like; reads as an object without members where missing.
    ConfigValues object(std::string_view key);

    [[nodiscard]] bool has(std::string_view key) const;  // and is not null

    // Mistakes that only several values together show.
    template <class... Args>
    void refuse(fmt::format_string<Args...> text, Args&&... args) {
        keep(fmt::format(text, std::forward<Args>(args)...));
    }
    [[nodiscard]] Result<void> checked() const;

  private:
    [[nodiscard]] const nlohmann::json* find(std::string_view key) const;
    std::uint64_t integer(std::string_view key, const nlohmann::json& value, std::uint64_t most,
                          std::uint64_t least);
    void keep(std::string message);
    const nlohmann::json* object_;
    std::string name_, prefix_;
    std::optional<std::string> mistake_;
};

}  // namespace tuff
