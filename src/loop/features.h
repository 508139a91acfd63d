/*
 * features.h - probing (see eider/features.h)
 */
#ifndef EIDER_LOOP_FEATURES_H
#define EIDER_LOOP_FEATURES_H

#include "ring.h"

/*
 * Probe what @o, already filled in, does not switch off, and choose. 0; -errno if
 * io_uring itself is refused; -EOPNOTSUPP if the doorbell asked for does not ring.
 */
int eider__features_probe(struct eider_features *f, const struct eider_options *o);

/* The part of it for what is received and accepted: features_io.c. */
int eider__probe_multishot_accept(void);
int eider__probe_buffer_ring(void);
int eider__probe_multishot_recv(void);

/* Those in state YES, as bits. */
eider__features_t eider__features_in_use(const struct eider_features *f);

/* The feature that carries @d. */
enum eider_feature eider__doorbell_feature(enum eider_doorbell d);

/* 0, or -EINVAL: @text is no list of feature names. */
int eider__features_parse(const char *text, uint64_t *ret_bits);

#endif
