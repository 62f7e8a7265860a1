#include "backend/printable.hpp"

#include <gtest/gtest.h>

namespace tuff {
namespace {

using namespace std::string_view_literals;

TEST(Printable, LeavesReadableTextAlone) {
    EXPECT_EQ(printable("blk.0.attn_q.weight"), "blk.0.attn_q.weight");
    EXPECT_EQ(printable("Grüße, 東京 🌋"), "Grüße, 東京 🌋");
    EXPECT_EQ(printable(""), "");
}

TEST(Printable, EscapesWhatATerminalActsOn) {
    EXPECT_EQ(printable("\x1b[31mred\x07\r\n\t\0\x7f"sv), "\\x1b[31mred\\x07\\x0d\\n\\t\\x00\\x7f");
    EXPECT_EQ(printable("\xc2\x9b"), "\\u{9b}");  // the one-character form of ESC [
}

TEST(Printable, EscapesQuotesSoThatTheEndIsClear) {
    EXPECT_EQ(printable(R"(a'b"c\)"), R"(a\'b\"c\\)");
}

TEST(Printable, EscapesCharactersThatHideOrTurnTheText) {
    EXPECT_EQ(printable("a\u202eb\u200bc\ufeff"), "a\\u{202e}b\\u{200b}c\\u{feff}");
    EXPECT_EQ(printable("\U000e0041"), "\\u{e0041}");
}

TEST(Printable, EscapesBytesThatAreNotUtf8) {
    EXPECT_EQ(printable("a\xff\xfe"), "a\\xff\\xfe");
    EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");                    // longer than needed
    EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
    EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
    EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");                    // cut off
}

TEST(Printable, CutsLongTextBetweenCharacters) {
    EXPECT_EQ(printable(std::string(200, 'x'), 10), "xxxxxxxxxx...");
    EXPECT_EQ(printable(std::string(10, 'x'), 10), "xxxxxxxxxx");
    EXPECT_EQ(printable("aé東京", 3), "aé...");
    EXPECT_EQ(printable(std::string(5000, 'x'), k_whole).size(), 5000u);
}

}  // namespace
}  // namespace tuff
