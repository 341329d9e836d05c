# state: q, 0 after reset
# at each clock edge: each enabled byte of q takes that of d
# outputs: q
class Model:
    def reset(self):
        self.q = 0

    def outputs(self, i):
        return {"q": self.q}

    def tick(self, i):
        if i.byteena & 2:
            self.q = (i.d & 0xFF00) | (self.q & 0x00FF)
        if i.byteena & 1:
            self.q = (self.q & 0xFF00) | (i.d & 0x00FF)
