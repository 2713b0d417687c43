"""The orders in which well-known corpora and headsets list their electrodes. Names only: the vocabulary of EEG."""

# DEAP's preprocessed files, in the order of Geneva's recordings (Koelstra et al. 2012); the raw files of Twente differ.
DEAP32 = (
    *("Fp1", "AF3", "F3", "F7", "FC5", "FC1", "C3", "T7", "CP5", "CP1", "P3", "P7", "PO3", "O1", "Oz", "Pz"),
    *("Fp2", "AF4", "Fz", "F4", "F8", "FC6", "FC2", "Cz", "C4", "T8", "CP6", "CP2", "P4", "P8", "PO4", "O2"),
)
# The Emotiv EPOC, round the head from the left: DREAMER (Katsigiannis and Ramzan 2018) and DASPS.
EPOC14 = ("AF3", "F7", "F3", "FC5", "T7", "P7", "O1", "O2", "P8", "T8", "FC6", "F4", "F8", "AF4")
# SEED (Zheng and Lu 2015): Neuroscan's cap, row by row. CB1 and CB2, beside the inion, are in no standard montage.
SEED62 = (
    *("Fp1", "Fpz", "Fp2", "AF3", "AF4"),
    *("F7", "F5", "F3", "F1", "Fz", "F2", "F4", "F6", "F8"),
    *("FT7", "FC5", "FC3", "FC1", "FCz", "FC2", "FC4", "FC6", "FT8"),
    *("T7", "C5", "C3", "C1", "Cz", "C2", "C4", "C6", "T8"),
    *("TP7", "CP5", "CP3", "CP1", "CPz", "CP2", "CP4", "CP6", "TP8"),
    *("P7", "P5", "P3", "P1", "Pz", "P2", "P4", "P6", "P8"),
    *("PO7", "PO5", "PO3", "POz", "PO4", "PO6", "PO8"),
    *("CB1", "O1", "Oz", "O2", "CB2"),
)
MUSE4 = ("TP9", "AF7", "AF8", "TP10")
