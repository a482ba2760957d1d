//! MurmurHash3 with seed 0, fed piece by piece: the 32-bit variant for x86 and the 128-bit one for
//! x64, as ThingsBoard's hash library computes them.

/// Splits a stream into blocks of `N` bytes; what is left over waits for the next piece.
#[derive(Clone, Debug)]
struct Blocks<const N: usize> {
    rest: [u8; N],
    rest_len: usize,
    /// Bytes of the whole stream; the hash takes it modulo its own width.
    len: u64,
}

impl<const N: usize> Blocks<N> {
    const fn new() -> Self {
        Self {
            rest: [0; N],
            rest_len: 0,
            len: 0,
        }
    }

    fn update(&mut self, data: &[u8], mut mix: impl FnMut(&[u8; N])) {
        self.len = self.len.wrapping_add(data.len() as u64);
        let mut data = data;
        if self.rest_len > 0 {
            let missing = N.saturating_sub(self.rest_len).min(data.len());
            let (head, tail) = data.split_at_checked(missing).unwrap_or((data, &[]));
            self.keep(head);
            data = tail;
            if self.rest_len < N {
                return;
            }
            mix(&self.rest);
            self.rest_len = 0;
        }
        let (blocks, rest) = data.as_chunks::<N>();
        blocks.iter().for_each(&mut mix);
        self.keep(rest);
    }

    fn keep(&mut self, bytes: &[u8]) {
        for (place, byte) in self.rest.iter_mut().skip(self.rest_len).zip(bytes) {
            *place = *byte;
        }
        self.rest_len += bytes.len();
    }

    /// What no block was made of, filled up with zeros: zeros change nothing in the final mixing.
    fn tail(&self) -> [u8; N] {
        let mut tail = self.rest;
        tail.iter_mut()
            .skip(self.rest_len)
            .for_each(|byte| *byte = 0);
        tail
    }
}

/// Murmur3, x86, 32 bits.
#[derive(Clone, Debug)]
pub(super) struct Murmur32 {
    blocks: Blocks<4>,
    h: u32,
}

impl Murmur32 {
    pub(super) const fn new() -> Self {
        Self {
            blocks: Blocks::new(),
            h: 0,
        }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        let h = &mut self.h;
        self.blocks.update(data, |block| {
            *h = (*h ^ Self::mixed(u32::from_le_bytes(*block)))
                .rotate_left(13)
                .wrapping_mul(5)
                .wrapping_add(0xe654_6b64);
        });
    }

    pub(super) fn finish(&self) -> u32 {
        let tail = Self::mixed(u32::from_le_bytes(self.blocks.tail()));
        // The low half: the length counts modulo 2^32.
        let mut h = self.h ^ tail ^ (self.blocks.len as u32);
        h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
        h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
        h ^ (h >> 16)
    }

    const fn mixed(k: u32) -> u32 {
        k.wrapping_mul(0xcc9e_2d51)
            .rotate_left(15)
            .wrapping_mul(0x1b87_3593)
    }
}

/// Murmur3, x64, 128 bits.
#[derive(Clone, Debug)]
pub(super) struct Murmur128 {
    blocks: Blocks<16>,
    h1: u64,
    h2: u64,
}

impl Murmur128 {
    const C1: u64 = 0x87c3_7b91_1142_53d5;
    const C2: u64 = 0x4cf5_ad43_2745_937f;

    pub(super) const fn new() -> Self {
        Self {
            blocks: Blocks::new(),
            h1: 0,
            h2: 0,
        }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        let (h1, h2) = (&mut self.h1, &mut self.h2);
        self.blocks.update(data, |block| {
            let (k1, k2) = halves(block);
            *h1 = (*h1 ^ Self::mixed1(k1))
                .rotate_left(27)
                .wrapping_add(*h2)
                .wrapping_mul(5)
                .wrapping_add(0x52dc_e729);
            *h2 = (*h2 ^ Self::mixed2(k2))
                .rotate_left(31)
                .wrapping_add(*h1)
                .wrapping_mul(5)
                .wrapping_add(0x3849_5ab5);
        });
    }

    /// Both halves, the first one first.
    pub(super) fn finish(&self) -> [u64; 2] {
        let (k1, k2) = halves(&self.blocks.tail());
        let mut h1 = self.h1 ^ Self::mixed1(k1) ^ self.blocks.len;
        let mut h2 = self.h2 ^ Self::mixed2(k2) ^ self.blocks.len;
        h1 = h1.wrapping_add(h2);
        h2 = h2.wrapping_add(h1);
        h1 = final_mix(h1);
        h2 = final_mix(h2);
        h1 = h1.wrapping_add(h2);
        h2 = h2.wrapping_add(h1);
        [h1, h2]
    }

    const fn mixed1(k: u64) -> u64 {
        k.wrapping_mul(Self::C1)
            .rotate_left(31)
            .wrapping_mul(Self::C2)
    }

    const fn mixed2(k: u64) -> u64 {
        k.wrapping_mul(Self::C2)
            .rotate_left(33)
            .wrapping_mul(Self::C1)
    }
}

const fn halves(block: &[u8; 16]) -> (u64, u64) {
    let both = u128::from_le_bytes(*block);
    (both as u64, (both >> 64) as u64)
}

const fn final_mix(mut h: u64) -> u64 {
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}
