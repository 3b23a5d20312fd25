#include "base/base64.h"

#include <gtest/gtest.h>

namespace espy {
namespace {

// RFC 4648, section 10.
TEST(Base64Test, TheVectorsOfTheStandardComeOut) {
  const std::pair<std::string, std::string> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(EncodeBase64(bytes), text);
    std::string back = "before";
    EXPECT_TRUE(DecodeBase64(text, &back));
    EXPECT_EQ(back, bytes);
  }
}

TEST(Base64Test, EveryByteComesBack) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  std::string back;
  ASSERT_TRUE(DecodeBase64(EncodeBase64(bytes), &back));
  EXPECT_EQ(back, bytes);
}

TEST(Base64Test, WhatIsNotOfSomeBytesIsRefused) {
  std::string back;
  for (const char* text : {"Z", "Zg", "Zg=", "Zg==Zg==", "=Zg=", "Zh==", "Zm9=", "Zm9\n", "Zm-v",
                           "====", "Z===", "Zg=g"}) {
    EXPECT_FALSE(DecodeBase64(text, &back)) << text;
  }
}

}  // namespace
}  // namespace espy
