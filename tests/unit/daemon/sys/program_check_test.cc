#include "daemon/sys/program_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::sys {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ProgramCheckTest : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text, mode_t mode) {
    directory_.write(name, text);
    EXPECT_EQ(::chmod(directory_.path(name).c_str(), mode), 0);
    return directory_.path(name);
  }
  static std::vector<std::string> look(ProgramWish wish) {
    wish.option = "pool.web";
    wish.origins = {"s.toml:1:1", "s.toml:2:2", "s.toml:3:3", "s.toml:4:4"};
    std::vector<std::string> texts;
    for (const ProgramGap& gap : look_for(wish)) texts.push_back(gap.text());
    return texts;
  }

  worker::TemporaryDirectory directory_;
};

TEST_F(ProgramCheckTest, SaysNothingOfWhatIsThere) {
  EXPECT_THAT(look({.program = "/bin/sh"}), IsEmpty());
  EXPECT_THAT(look({.program = "sh", .directory = "/usr"}), IsEmpty());
  EXPECT_THAT(look({.program = file("script", "#! /bin/sh -e\n", 0755)}), IsEmpty());
  EXPECT_THAT(look({.program = "script", .path = "/no/such:" + directory_.path("")}), IsEmpty());
  EXPECT_THAT(look({.program = "./script", .directory = directory_.path("")}), IsEmpty());
  EXPECT_THAT(look({.program = "/bin/sh", .account = {"root", "root"}}), IsEmpty());
  EXPECT_THAT(look({.program = "/bin/sh", .account = {"4711", "4712"}}), IsEmpty());
}

TEST_F(ProgramCheckTest, SaysNothingOfWhatItCannotKnow) {
  EXPECT_THAT(look({.program = "/srv/{slot}/server"}), IsEmpty());
  EXPECT_THAT(look({.program = "bin/server"}), IsEmpty()) << "who knows where the service begins";
}

TEST_F(ProgramCheckTest, NamesThePlaceTheValueAndARemedy) {
  EXPECT_THAT(look({.program = "/no/such"}),
              ElementsAre("s.toml:1:1: pool.web.command: \"/no/such\" is not there; install it, or "
                          "say where it is"));
  EXPECT_THAT(look({.program = "nod", .path = "/bin:/usr/bin"}),
              ElementsAre("s.toml:1:1: pool.web.command: \"nod\" is nowhere in PATH "
                          "(/bin:/usr/bin); install it, or name it by its absolute path"));
  EXPECT_THAT(look({.program = "/bin/sh", .directory = "/no/such"}),
              ElementsAre("s.toml:2:2: pool.web.working_directory: \"/no/such\" is not there; "
                          "create it, or name another one"));
  EXPECT_THAT(look({.program = "/bin/sh", .directory = "/bin/sh"}),
              ElementsAre(HasSubstr("\"/bin/sh\" is no directory")));
  EXPECT_THAT(look({.program = "/bin/sh", .account = {"nobdy", ""}}),
              ElementsAre("s.toml:3:3: pool.web.user: there is no user \"nobdy\"; create it with "
                          "useradd --system nobdy, or name another one"));
  EXPECT_THAT(look({.program = "/bin/sh", .account = {"", "nobdy"}}),
              ElementsAre(HasSubstr("s.toml:4:4: pool.web.group: there is no group \"nobdy\"")));
}

TEST_F(ProgramCheckTest, LooksAtWhatIsToBeRun) {
  EXPECT_THAT(look({.program = "/etc"}), ElementsAre(HasSubstr("\"/etc\" is no file")));
  EXPECT_THAT(look({.program = file("plain", "x", 0644)}),
              ElementsAre(HasSubstr("is not executable; chmod +x it")));
  EXPECT_THAT(look({.program = file("lost", "#!/no/such/node --x\n", 0755)}),
              ElementsAre(HasSubstr("is to be run by \"/no/such/node\"")));
}

TEST_F(ProgramCheckTest, NamesAllAtOnce) {
  EXPECT_EQ(look({.program = "/no/such", .directory = "/no/such", .account = {"nobdy", ""}}).size(),
            3U);
}

}  // namespace
}  // namespace sockherd::sys
