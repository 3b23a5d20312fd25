// Marks what libespy.so shows to programs that link it; everything else stays hidden inside.
#ifndef ESPY_EXPORT_H_
#define ESPY_EXPORT_H_

#define ESPY_EXPORT __attribute__((visibility("default")))

#endif  // ESPY_EXPORT_H_
