// Fields of a person's own: their types, their end, and finding by them.
#include "tests/engine/fixture.h"

namespace espy {
namespace {

class SetFieldsTest : public testing::LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    MakePictures(6);
    library_ = Open();
    Ingest(library_.get());
  }
  std::string Path(int i) const { return pictures() + "/" + Name(i); }
  Result<SetFieldsReport> Set(const std::string& target, const std::vector<std::string>& changes) {
    SetFieldsOptions options;
    options.targets = {target};
    for (const std::string& change : changes) {
      auto parsed = ParseFieldChange(change);
      if (!parsed.ok()) return parsed.status();
      options.changes.push_back(*parsed);
    }
    return library_->SetFields(options);
  }
  std::map<std::string, FieldValue> FieldsOf(int i) { return library_->Find(Path(i))->fields; }
  std::size_t Count(const std::string& where) {
    auto records = library_->List(where);
    EXPECT_TRUE(records.ok()) << records.status().message();
    return records.ok() ? records->size() : 0;
  }

  std::unique_ptr<Library> library_;
};

TEST_F(SetFieldsTest, ValuesKeepTheirTypesAcrossReopening) {
  ESPY_ASSERT_OK(Set(Path(0), {"rating=4", "weight=2.5", "sharp=true", "due=2024-05-17",
                               "client=Zoo of Berlin", "year_made:text=2020", "share:real=1"}));
  const std::map<std::string, FieldValue> expected = {{"rating", std::int64_t{4}},
                                                      {"weight", 2.5},
                                                      {"sharp", true},
                                                      {"due", Date{1715904000}},
                                                      {"client", std::string("Zoo of Berlin")},
                                                      {"year_made", std::string("2020")},
                                                      {"share", 1.0}};
  EXPECT_EQ(FieldsOf(0), expected);
  library_.reset();
  library_ = Open();
  EXPECT_EQ(FieldsOf(0), expected);
  EXPECT_EQ(Count("rating = 4 and sharp = true and due < 2025 and client contains zoo"), 1u);
  ExpectSound(library_.get());
}

TEST_F(SetFieldsTest, ANameHasOneTypeAndAnotherIsRefusedWithNothingChanged) {
  ESPY_ASSERT_OK(Set(Path(0), {"rating=4", "weight=2.5"}));
  const auto wrong = Set(Path(1), {"note=new", "rating=good"});
  EXPECT_EQ(wrong.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(wrong.status().message().find("field 'rating': holds values of type integer"),
            std::string::npos);
  EXPECT_TRUE(FieldsOf(1).empty());
  EXPECT_FALSE(Set(Path(1), {"rating=4.5"}).ok());
  ESPY_ASSERT_OK(Set(Path(1), {"weight=3"}));
  EXPECT_EQ(FieldsOf(1).at("weight"), FieldValue(3.0)) << "an integer is a real where one is due";
  SetFieldsOptions typed;
  typed.targets = {Path(1)};
  typed.changes = {{"rating", FieldValue(std::string("5")), false}};
  EXPECT_FALSE(library_->SetFields(typed).ok()) << "text that was meant as text is no integer";
}

TEST_F(SetFieldsTest, ANameThatNothingHoldsMayTakeAnotherType) {
  ESPY_ASSERT_OK(Set(Path(0), {"rating=4"}));
  ESPY_ASSERT_OK(Set(Path(0), {"rating="}));
  EXPECT_TRUE(FieldsOf(0).empty());
  ESPY_ASSERT_OK(Set(Path(1), {"rating=good"}));
  EXPECT_EQ(Count("rating = good"), 1u);
  EXPECT_FALSE(Set(Path(0), {"rating:integer=4"}).ok());
}

TEST_F(SetFieldsTest, AFilterNamesManyAndADryRunChangesNothing) {
  SetFieldsOptions options;
  options.where = "width > 0";
  options.changes = {*ParseFieldChange("batch=7")};
  options.dry_run = true;
  EXPECT_EQ(library_->SetFields(options)->changed, 6u);
  EXPECT_TRUE(FieldsOf(0).empty());
  options.dry_run = false;
  EXPECT_EQ(library_->SetFields(options)->changed, 6u);
  EXPECT_EQ(library_->SetFields(options)->changed, 0u) << "they are so already";
  EXPECT_EQ(Count("batch = 7"), 6u);
}

TEST_F(SetFieldsTest, WrongChangesSayWhatIsRight) {
  for (const char* change : {"rating", "=4", "Rating=4", "4rating=1", "a b=1", "rating:star=4",
                             "rating:integer=x", "sharp:boolean=3", "due:date=soon"}) {
    EXPECT_EQ(Set(Path(0), {change}).status().code(), StatusCode::kInvalidArgument) << change;
  }
  EXPECT_FALSE(Set(Path(0), {"note=" + std::string(5000, 'x')}).ok());
  EXPECT_EQ(Set("./nothing.jpg", {"a=1"}).status().code(), StatusCode::kNotFound);
  EXPECT_FALSE(Set(Path(0), {}).ok());
  std::vector<std::string> many;
  for (int i = 0; i < 65; ++i) many.push_back("f" + std::to_string(i) + "=1");
  EXPECT_EQ(Set(Path(0), many).status().code(), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace espy
